from evaluation.answers import measure_answers


def test_counts_listings_whose_price_and_size_are_in_the_text() -> None:
    """A share is over the listings that give the number; both means both."""
    figures = measure_answers(
        ["Куртка, размер 46, цена 500 руб.", "Куртка, размер 48.", "Шапка."],
        ["Размер: 46\nЦена: 500", "Размер: 48\nЦена: 700", "Бренд: Zara"],
    )
    assert (figures.price, figures.size, figures.both) == (0.5, 1.0, 0.5)


def test_counts_every_number_that_no_field_holds() -> None:
    """Numbers are compared as digit groups, whatever stands around them."""
    figures = measure_answers(["Рост 98-104, цена 900", "Рост 98"], ["Рост: 98-104", "Рост: 98-104"])
    assert figures.invented == 1


def test_a_share_of_nothing_is_none() -> None:
    """No listing gives a price, and there may be no listing at all."""
    assert measure_answers(["Шапка."], ["Бренд: Zara"]).price is None
    assert measure_answers([], []).distinct is None


def test_the_same_text_twice_is_not_distinct() -> None:
    """Distinct is different texts among all."""
    assert measure_answers(["а", "а", "б", "в"], [""] * 4).distinct == 0.75
