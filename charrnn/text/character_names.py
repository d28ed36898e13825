"""What a character is: its name in Unicode, its kind and its script."""

from __future__ import annotations

import re
import unicodedata

# Control characters have no names of their own, but these aliases, which `unicodedata.lookup` knows.
CONTROLS = (
    *("NULL", "START OF HEADING", "START OF TEXT", "END OF TEXT", "END OF TRANSMISSION", "ENQUIRY", "ACKNOWLEDGE"),
    *("ALERT", "BACKSPACE", "CHARACTER TABULATION", "LINE FEED", "LINE TABULATION", "FORM FEED", "CARRIAGE RETURN"),
    *("SHIFT OUT", "SHIFT IN", "DATA LINK ESCAPE", "DEVICE CONTROL ONE", "DEVICE CONTROL TWO", "DEVICE CONTROL THREE"),
    *("DEVICE CONTROL FOUR", "NEGATIVE ACKNOWLEDGE", "SYNCHRONOUS IDLE", "END OF TRANSMISSION BLOCK", "CANCEL"),
    *("END OF MEDIUM", "SUBSTITUTE", "ESCAPE", "INFORMATION SEPARATOR FOUR", "INFORMATION SEPARATOR THREE"),
    *("INFORMATION SEPARATOR TWO", "INFORMATION SEPARATOR ONE"),
)
OTHER_CONTROLS = {"\x7f": "DELETE", "\x85": "NEXT LINE"}
NAMELESS = {"Cc": "control", "Co": "private use", "Cn": "unassigned", "Cs": "surrogate"}  # categories
KINDS = {  # of categories; of letters, the script comes first
    **dict.fromkeys(("Lu", "Ll", "Lt", "Lm", "Lo"), "letter"),
    **dict.fromkeys(("Mn", "Mc", "Me"), "mark"),
    **dict.fromkeys(("Nd", "Nl", "No"), "number"),
    **dict.fromkeys(("Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po"), "punctuation"),
    **dict.fromkeys(("Sm", "Sc", "Sk", "So"), "symbol"),
    **dict.fromkeys(("Zs", "Zl", "Zp"), "space"),
    "Cf": "format",
    **NAMELESS,
}
# A letter's name begins with its script, up to one of these words; some begin with what is no script.
_SCRIPT = re.compile(
    r"(?:FULLWIDTH |HALFWIDTH |SUPERSCRIPT )?(?P<script>[A-Z][A-Z -]*?) (?:SMALL|CAPITAL|LETTER|SYLLAB\w*|VOWEL"
    r"|CHOSEONG|JUNGSEONG|JONGSEONG|(?:\w+ )?IDEOGRAPH|LIGATURE|SIGN|CHARACTER|HIEROGLYPH|SUBSCRIPT|EPIGRAPHIC|FINAL"
    r"|MODIFIER|INDEPENDENT|NUMERAL|SEMIVOWEL|PREFIXED|MTAVRULI)\b"
)
_NO_SCRIPTS = {"MATHEMATICAL", "MODIFIER", "SCRIPT", "MICRO", "OHM", "KELVIN", "ANGSTROM", "TURNED", "VEDIC"} | {
    *("BLACK-LETTER", "DOUBLE-STRUCK", "ROMAN"),
}
_RENAMED = {"CJK": "Han", "CANADIAN": "Canadian Aboriginal", "HENTAIGANA": "Hiragana"}


def name_of_character(character: str) -> str:
    """Return the name of a character in Unicode; controls have aliases, others without a name their category."""
    code = ord(character)
    if code < len(CONTROLS):
        return CONTROLS[code]
    kind = NAMELESS.get(unicodedata.category(character), "character")
    return unicodedata.name(character, "") or OTHER_CONTROLS.get(character, f"{kind} U+{code:04X}".upper())


def script_of(character: str) -> str:
    """Return the script of a letter, from the start of its name; "" if it is no letter, or of no script."""
    if not unicodedata.category(character).startswith("L"):
        return ""
    found = _SCRIPT.match(unicodedata.name(character, ""))
    script = found["script"] if found else ""
    if not script or script.split()[0] in _NO_SCRIPTS:
        return ""
    return _RENAMED.get(script.split()[0], script.title())


def kind_of(character: str) -> str:
    """Return what kind of character it is, such as "Greek letter", "number" or "control"."""
    return f"{script_of(character)} {KINDS[unicodedata.category(character)]}".strip()


def is_hidden(character: str) -> bool:
    """Return whether a character cannot be seen, or looks like a space but is none.

    Line feeds, tabs and spaces are usual, and are not hidden.
    """
    return character not in "\n\t " and unicodedata.category(character) in (
        "Cc",
        "Cf",
        "Cs",
        "Co",
        "Cn",
        "Zs",
        "Zl",
        "Zp",
    )
