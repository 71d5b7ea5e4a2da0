"""Tests of the data-set reader."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from PIL import Image

from training.data.examples import load_examples, load_photo_labels, load_pixels, resize_square


def test_a_listing_is_read_with_the_paths_of_its_photos(data_set: Path) -> None:
    example = load_examples(data_set / "listings.jsonl")[1]
    assert (example.id, example.split, example.diversity_score, example.gpt_description) == ("l1", "train", 0.0, None)
    assert example.photos == (data_set / "photos" / "p01.jpg",)
    assert example.attributes_text.startswith("Предмет одежды: джинсы\nЦена: 150\n")


def test_rare_line_ends_inside_a_text_do_not_end_the_line(tmp_path: Path) -> None:
    """Only a line feed separates listings; sellers paste texts with other separators."""
    line = {
        "id": 1,
        "photos": [],
        "attributes": {"Цвет": "синий\u2028белый"},
        "description": "а\x85б\x0bв",
        "split": "val",
    }
    path = tmp_path / "listings.jsonl"
    path.write_text(json.dumps(line, ensure_ascii=False) + "\n", encoding="utf-8")
    assert [(example.attributes["Цвет"], example.description) for example in load_examples(path)] == [
        ("синий\u2028белый", "а\x85б\x0bв")
    ]


def test_missing_texts_and_scores_are_null(tmp_path: Path) -> None:
    path = tmp_path / "listings.jsonl"
    path.write_text('{"id": 1, "photos": ["a.jpg"], "attributes": {}, "split": "test"}\n', encoding="utf-8")
    example = load_examples(path)[0]
    assert (example.description, example.gpt_description, example.diversity_score) == (None, None, None)
    assert example.attributes_text == ""


def test_labels_are_read_with_all_colours_and_quotes(tmp_path: Path) -> None:
    """Quotation marks are letters like others, and the main colour comes first."""
    header = "photo\tsplit\titem\tcolor\tpattern\taudience\tcaption\n"
    row = 'a\ttrain\tфутболка\tсиний, белый,\tполоска\tженский\tФутболка с надписью "LOVE\n'
    (tmp_path / "photos.tsv").write_text(header + row, encoding="utf-8")
    shown = load_photo_labels(tmp_path)["a"]
    assert (shown.item, shown.colors, shown.caption) == ("футболка", ("синий", "белый"), 'Футболка с надписью "LOVE')


def test_a_folder_without_labels_has_none(tmp_path: Path) -> None:
    assert load_photo_labels(tmp_path) == {}


def test_pixels_come_in_the_order_of_the_paths(tmp_path: Path) -> None:
    """Grey photos become three channels, and a turned photo stands upright."""
    upright = Image.new("L", (40, 20), 0)
    upright.paste(255, (0, 0, 20, 20))
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    upright.rotate(180).save(tmp_path / "a.png", exif=exif)
    Image.new("RGB", (8, 8), "red").save(tmp_path / "b.png")
    pixels = load_pixels([tmp_path / "a.png", tmp_path / "b.png"], 16)
    assert (pixels.shape, pixels.dtype) == ((2, 3, 16, 16), torch.uint8)
    assert pixels[0, :, 8, [2, 13]].tolist() == [[255, 0]] * 3
    assert pixels[1, :, 5, 5].tolist() == [255, 0, 0]


def test_a_photo_of_the_right_size_is_taken_as_it_is() -> None:
    image = Image.effect_noise((16, 16), 90).convert("RGB")
    assert resize_square(image, 16).permute(1, 2, 0).numpy().tobytes() == image.tobytes()
