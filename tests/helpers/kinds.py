"""Files of the kinds that people bring, written for these tests: their bytes, and the text that is read from them."""

from typing import NamedTuple


class Kind(NamedTuple):
    """A file: its text as it is read, how that is stored, and how many documents it has."""

    text: str
    encoding: str = "utf-8"
    line_end: str = "\n"
    mark: bool = False  # a byte order mark before the text
    documents: tuple[str, int] = ("lines", 0)  # what they are, and their number; 0 is the number of lines

    @property
    def data(self) -> bytes:
        """The bytes of the file."""
        return ("\ufeff" * self.mark + self.text.replace("\n", self.line_end)).encode(self.encoding)


BOOK = (
    "The Project of a Fable\n\n*** START OF THE FABLE ***\n\nThe fox, said “_no one_,” went home—\n"
    "and slept.\n\n*** END OF THE FABLE ***\n"
)
PLAY = "FOX.\nWho’s there?\n\nCROW.\nNobody; a crow.\n\nFOX.\nThen sing!\n"
PARTS = "paragraphs"
KINDS = {
    "Project Gutenberg: a mark, CRLF": Kind(BOOK, line_end="\r\n", mark=True, documents=(PARTS, 4)),
    "old Mac: CR alone": Kind("The fox\nwent home.\n", line_end="\r"),
    "a play with empty lines": Kind(PLAY, documents=(PARTS, 3)),
    "a chat with joined emoji": Kind("[21:04] Ana: 👩‍👩‍👧‍👦 👍🏽 ❤️‍🔥\n[21:05] Bo: 🏳️‍🌈 é é\n"),
    "Windows notepad: UTF-16": Kind(
        "Żółw i gęś\nposzły nad rzekę.\n", encoding="utf-16-le", line_end="\r\n", mark=True
    ),
    "Arabic": Kind("عَبَرَ الثَّعلَبُ النَّهرَ\nثُمَّ مَضى.\n"),
    "Hebrew with vowel points": Kind("בְּרֵאשִׁית בָּרָא\nשׁוּעָל אֶחָד\n"),
    "Thai, without blanks": Kind("สุนัขจิ้งจอกข้ามแม่น้ำ\nแล้วก็เดินต่อไป\n"),
    "Korean": Kind("여우는 강을 건너갔다.\n까마귀가 노래했다.\n"),
    "Korean, decomposed": Kind("여우\n강\n"),
    "Chinese": Kind("狐狸过了河。\n“我不喜欢这样。”\n"),
    "Japanese": Kind("狐は川を渡った。\n「カラスは?」\n"),
    "Japanese on Windows": Kind(
        "狐は川を渡り、庭で少女たちが笑うのを聞いた。\n昔はここに大きな木があったが、今は家ばかりだ。\n",
        encoding="cp932",
    ),
    "Hindi": Kind("लोमड़ी नदी पार कर गई।\nकौआ गाने लगा।\n"),
    "Greek with accents": Kind("Ἀλώπηξ πεινῶσα\nὡς ἐθεάσατο\n"),
    "DNA: FASTA": Kind(">seq1 fox\nACGTNNACGT\nTTAGGC\n>seq2 crow\nGGGCCC\n", documents=(">", 2)),
    "molecules: SMILES": Kind("CC(=O)Oc1ccccc1C(=O)O\nC[C@H](N)C(=O)O\n[Na+].[Cl-]\n"),
    "music: ABC": Kind("X:1\nT:The Fox\nM:4/4\nK:D\n|:DFA d2f:|\n\nX:2\nT:Crow\nK:G\nGABc\n", documents=(PARTS, 2)),
    "chess: PGN": Kind('[White "Fox"]\n[Result "1-0"]\n\n1. e4 e5 2. Qh5 Nc6 3. Bc4 Nf6??\n', documents=(PARTS, 2)),
    "LaTeX": Kind("\\begin{equation}\n\t\\nabla f = 0 % \\\\ and $x_1$\n\\end{equation}\n"),
    "code with tabs and form feeds": Kind("int f(void) {\n\treturn '\\0';\t/* done */\n}\n\x0c\nvoid g(void);\n"),
    "CSV with quotes": Kind('id;name;text\n1;"Fox, A.";"He said ""no"""\n2;Crow;\n', line_end="\r\n"),
    "HTML": Kind("<!DOCTYPE html>\n<p>F&uuml;chse &amp; <b>Krähen</b></p>\n"),
    "passwords": Kind("hunter2\npa$$w0rd \n\tтест123\n!@#%^&*()_+\n"),
    "27 characters in all": Kind("the quick brown fox jumps over the lazy dog ", documents=(" ", 9)),
    "a log with colors": Kind("\x1b[31mERROR\x1b[0m fox not found\nINFO crow\x07\n"),
    "strange line ends": Kind("one\x0btwo\x85three\u2028four\u2029five\n"),
}
