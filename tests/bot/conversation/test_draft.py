"""What has been collected becomes one draft, whatever the order: photos taken or refused by name, text read."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.conversation.draft import Draft, build_draft
from inference.errors import Message
from storage.records import ListingRecord, Note, PhotoFile

EMPTY = ListingRecord(1, 2, True, 0, (), (), None, None, None, False, 0.0)
MEGABYTE = 2**20


def photo(number: int, **given: object) -> PhotoFile:
    """The photo of a message."""
    usual = PhotoFile(f"unique{number}", f"file{number}", number, "album", "photo", None, None, 1000)
    return replace(usual, **given)  # type: ignore[arg-type]


def document(number: int, name: str | None, mime: str | None, size: int = 1000) -> PhotoFile:
    """The file of a message."""
    return photo(number, kind="document", name=name, mime=mime, size=size)


def draft(*photos: PhotoFile, text: str = "", limit: int = 20) -> Draft:
    """The draft of these photos and one note."""
    notes = (Note(1, text),) if text else ()
    return build_draft(replace(EMPTY, photos=photos, notes=notes), limit)


def codes(messages: tuple[Message, ...]) -> list[str]:
    """Their codes."""
    return [message.code for message in messages]


class TestPhotos:
    def test_ten_are_taken_and_the_others_named(self) -> None:
        found = draft(*(photo(number) for number in range(1, 17)))
        assert [each.message_id for each in found.photos] == list(range(1, 11))
        assert codes(found.rejections) == ["photo-extra"] * 3 + ["photos-extra-more"]
        assert [message.details.get("number") for message in found.rejections[:3]] == [11, 12, 13]
        assert found.rejections[3].details == {"count": 3}

    def test_the_same_file_twice_is_one_photo_in_its_first_place(self) -> None:
        found = draft(photo(1), photo(2), photo(3, file_unique_id="unique1"))
        assert [each.message_id for each in found.photos] == [1, 2]
        assert found.rejections == ()

    @pytest.mark.parametrize(
        ("name", "mime"),
        [
            ("a.jpg", "image/jpeg"),
            (None, "image/png"),
            ("a.GIF", "application/octet-stream"),
            ("a.png", None),
            ("f.png", "image/x-png"),
            ("m.jpg", "image/*"),
            ("c", "image/jpeg"),
            ("a.HEIC", "image/heic"),
            ("a.heic", "application/octet-stream"),
            ("a.webp", "image/webp"),
            ("a.bmp", "image/bmp"),
            ("a.tiff", "image/tiff"),
            ("IMG_0001", "application/octet-stream"),
            (None, None),
            ("a.jpg", "application/x-unknown"),
            ("a.jfif", ""),
        ],
    )
    def test_what_may_be_an_image_is_taken_until_it_is_looked_into(self, name: str | None, mime: str | None) -> None:
        taken = document(1, name, mime)
        assert draft(taken).photos == (taken,)

    def test_an_animation_is_a_photo(self) -> None:
        taken = photo(5, kind="animation", name="a.mp4", mime="video/mp4")
        assert draft(taken).photos == (taken,)

    def test_other_files_are_refused_by_name(self) -> None:
        found = draft(
            document(1, "a.pdf", "application/pdf"),
            document(2, "s.jpg.txt", "text/plain"),
            document(3, "a.mp4", "video/mp4"),
            document(4, "a.jpg", "text/plain"),
            document(5, "a.zip", "application/octet-stream"),
        )
        assert found.photos == ()
        assert codes(found.rejections) == ["file-no-image"] * 5
        assert found.rejections[0].details["name"] == "a.pdf"

    def test_a_file_over_the_limit_is_refused_with_both_sizes(self) -> None:
        found = draft(document(1, "a.jpg", "image/jpeg", 21 * MEGABYTE), document(2, "b.jpg", "image/jpeg", MEGABYTE))
        (rejection,) = found.rejections
        assert rejection.code == "photo-too-big"
        assert (rejection.details["megabytes"], rejection.details["limit"]) == (21.0, 20)
        assert [each.name for each in found.photos] == ["b.jpg"]

    def test_a_local_server_lifts_the_limit_to_what_can_be_read(self) -> None:
        big = document(1, "a.jpg", "image/jpeg", 24 * MEGABYTE)
        assert draft(big, limit=25).photos == (big,)
        assert codes(draft(replace(big, size=26 * MEGABYTE), limit=2000).rejections) == ["photo-too-big"]

    def test_a_long_or_hostile_name_is_made_harmless(self) -> None:
        (rejection,) = draft(document(1, "x" * 300 + "\u202e\n.pdf", "application/pdf")).rejections
        name = str(rejection.details["name"])
        assert len(name) == 60
        assert name.isprintable()


class TestText:
    def test_notes_are_joined_in_the_order_of_their_messages(self) -> None:
        notes = (Note(9, "Размер: 42"), Note(3, "Цена: 5000"))
        found = build_draft(replace(EMPTY, notes=notes), 20)
        assert found.text == "Цена: 5000\nРазмер: 42"
        assert found.attributes.items == (("Цена", "5000"), ("Размер", "42"))

    def test_what_cannot_be_read_is_a_problem(self) -> None:
        found = draft(photo(1), text='{"Цена": }')
        assert found.problem is not None
        assert found.problem.code == "attributes-bad-json"
        assert found.missing == ()
        assert not found.is_empty

    def test_what_could_be_added_is_named(self) -> None:
        assert codes(draft().missing) == ["missing-photos", "missing-attributes"]
        assert codes(draft(photo(1)).missing) == ["missing-attributes"]
        assert codes(draft(photo(1), text="куртка").missing) == ["missing-price", "missing-size", "missing-condition"]
        assert codes(draft(photo(1), text="отдам даром, рост 116, как новая").missing) == []

    def test_empty_means_nothing_to_write_about(self) -> None:
        assert draft().is_empty
        assert draft(document(1, "a.pdf", "application/pdf")).is_empty
        assert draft(text="— - —").is_empty
        assert not draft(photo(1)).is_empty
        assert not draft(text="куртка").is_empty


parts = st.lists(
    st.builds(
        photo,
        st.integers(1, 30),
        kind=st.sampled_from(["photo", "document", "animation"]),
        name=st.none() | st.text(max_size=80),
        mime=st.sampled_from([None, "image/jpeg", "image/webp", "application/pdf"]),
        size=st.none() | st.integers(0, 30 * MEGABYTE),
    ),
    max_size=30,
    unique_by=lambda each: each.file_unique_id,
)


@given(
    parts,
    st.lists(st.builds(Note, st.integers(1, 30), st.text(max_size=50)), unique_by=lambda n: n.message_id),
    st.randoms(),
)
def test_the_order_of_arrival_changes_nothing(photos: list[PhotoFile], notes: list[Note], random: object) -> None:
    """Any mix and order of album parts gives the same draft."""
    shuffled_photos, shuffled_notes = list(photos), list(notes)
    random.shuffle(shuffled_photos)  # type: ignore[attr-defined]
    random.shuffle(shuffled_notes)  # type: ignore[attr-defined]
    one = build_draft(replace(EMPTY, photos=tuple(photos), notes=tuple(notes)), 20)
    other = build_draft(replace(EMPTY, photos=tuple(shuffled_photos), notes=tuple(shuffled_notes)), 20)
    assert one == other
    assert len(one.photos) <= 10
