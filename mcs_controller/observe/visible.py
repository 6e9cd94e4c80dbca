"""A text of anybody's as one line that a terminal and an eye take for what it is.

Control characters could move a cursor or forge a line of a log, and bidirectional ones show a text as another
one. Whoever shows a text of others makes it visible first; how long it may be is the caller's business.
"""


def visible(text: str) -> str:
    """The text on one line, with an escape for each character that is not printable.

    Escaped are newlines and other controls, format characters (also bidirectional ones), halves of surrogate
    pairs, and all spaces but the plain one.
    """
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode("ascii") for one in text)
