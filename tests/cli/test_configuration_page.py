from tests.cli.reference import PAGE, with_tables


def test_the_configuration_page_shows_every_option_as_it_is_declared() -> None:
    page = PAGE.read_text()
    assert page == with_tables(page), "run: .venv/bin/python -m tests.cli.reference"
