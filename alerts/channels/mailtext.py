"""What a mail says: the team's own template where there is one, else ours, both in the language of `wording`.

HTML is cleaned after the variables are filled in: no script, form, frame, style sheet or handler survives, whoever
wrote it and whatever a monitor is called.
"""

import re
from html.parser import HTMLParser

import nh3
from django.template.loader import get_template, render_to_string
from django.utils.html import conditional_escape, format_html, format_html_join
from django.utils.safestring import SafeString

from alerts.channels.base import Message, Rendered, Wording
from alerts.channels.wording import TemplateError, check, filled, values

SUBJECT = "$TITLE"
SUBJECT_LONGEST = 200  # characters, also of what it becomes
TEXT_LONGEST = 10_000
HTML_LONGEST = 50_000
LONGEST = 200_000  # characters of what a template becomes
TAGS = {
    "a", "abbr", "b", "blockquote", "br", "code", "div", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img",
    "li", "ol", "p", "pre", "s", "small", "span", "strong", "sub", "sup", "table", "tbody", "td", "tfoot", "th",
    "thead", "tr", "u", "ul",
}  # fmt: skip
_CELL = {"align", "bgcolor", "colspan", "height", "rowspan", "valign", "width"}
ATTRIBUTES = {
    "*": {"style", "align", "dir", "lang", "title"},
    "a": {"href"},
    "img": {"alt", "height", "src", "width"},
    "ol": {"start"},
    "table": {"bgcolor", "border", "cellpadding", "cellspacing", "role", "width"},
    "td": _CELL,
    "th": _CELL | {"scope"},
}
# Properties by which nothing is loaded and nothing leaves its place.
STYLES = {
    "background-color", "border", "border-bottom", "border-collapse", "border-color", "border-left", "border-radius",
    "border-right", "border-spacing", "border-style", "border-top", "border-width", "color", "display", "font",
    "font-family", "font-size", "font-style", "font-weight", "height", "letter-spacing", "line-height", "margin",
    "margin-bottom", "margin-left", "margin-right", "margin-top", "max-width", "min-width", "overflow-wrap", "padding",
    "padding-bottom", "padding-left", "padding-right", "padding-top", "text-align", "text-decoration",
    "text-transform", "vertical-align", "white-space", "width", "word-break",
}  # fmt: skip
SCHEMES = {"http", "https", "mailto"}
_ALONE = {"br", "hr", "img"}  # they have no end
_MAY_STAY_OPEN = {"li", "p", "tbody", "td", "tfoot", "th", "thead", "tr"}
_OURS = {"html", "head", "body", "title", "meta"}
_SCHEME = re.compile(r"\s*([A-Za-z][A-Za-z0-9+.-]*):")


def default() -> Wording:
    """Our own template."""
    text, html = (_source(f"alerts/email/message.{end}") for end in ("txt", "html"))
    return Wording(SUBJECT, text, html)


def _source(name: str) -> str:
    source: str = get_template(name).template.source  # type: ignore[attr-defined]  # it is a template of Django's
    return source.strip("\n")


def usual(message: Message) -> Rendered:
    """A message in our own words, however long it is."""
    return written(message, default(), None)


def written(message: Message, wording: Wording, longest: int | None = LONGEST) -> Rendered:
    """A message in these words. Raises TemplateError, also where they become longer than `longest` characters."""
    said = values(message)
    text = re.sub(r"\n{3,}", "\n\n", _filled("Text", wording.text, said, longest)).strip("\n")
    if not text:
        raise TemplateError("The text is empty for this message.")
    title = one_line(_filled("Subject", wording.subject, said, longest)) or one_line(message.title)
    return Rendered(title, text + "\n", _page(title, _filled("HTML", wording.html, _marked(message, said), longest)))


def _filled(part: str, template: str, said: dict[str, str], longest: int | None) -> str:
    """Raises TemplateError with the part it was found in."""
    try:
        return filled(template, said, longest)
    except TemplateError as error:
        raise TemplateError(f"{part}: {error}") from None


def _marked(message: Message, said: dict[str, str]) -> dict[str, str]:
    """The values as HTML."""
    rows = format_html_join("", "<tr>" + _ROW + "</tr>", message.facts)
    items = format_html_join("", '<li style="word-break:break-word">{}</li>', ((line,) for line in message.lines))
    whole = {
        "FACTS": format_html(_TABLE, rows) if rows else "",
        "MESSAGES": format_html('<ul style="margin:0 0 16px;padding-left:20px">{}</ul>', items) if items else "",
    }
    return {name: conditional_escape(value) for name, value in {**said, **whole}.items()}


_TABLE = '<table role="presentation" cellpadding="0" cellspacing="0" style="margin:0 0 20px;font-size:14px">{}</table>'
_ROW = (
    '<td style="padding:3px 16px 3px 0;color:#586173;vertical-align:top;white-space:nowrap">{}</td>'
    '<td style="padding:3px 0;color:#10151d;word-break:break-word">{}</td>'
)


def _page(title: str, raw: str) -> str:
    clean = nh3.clean(
        raw,
        tags=TAGS,
        attributes=ATTRIBUTES,
        url_schemes=SCHEMES,
        filter_style_properties=STYLES,
        link_rel="noopener noreferrer",
        url_relative="deny",
    )
    if not clean.strip():
        raise TemplateError("The HTML is empty for this message.")
    return render_to_string("alerts/email/page.html", {"title": title, "body": SafeString(clean)})


def one_line(text: str) -> str:
    """A line of a header: what would begin another one is a space."""
    return "".join(char if char.isprintable() else " " for char in text)[:SUBJECT_LONGEST].strip()


# What was typed -------------------------------------------------------------------------------------------------------
def check_subject(text: str) -> None:
    """Raises TemplateError with what is wrong with a subject."""
    if not text.isprintable():
        raise TemplateError("A subject is one line without control characters. Take the line break out.")
    check(text)


def check_html(text: str) -> None:
    """Raises TemplateError with the first thing in a template that no mail may hold, or that mail programs would not
    understand."""
    check(text)
    reader = _Reader()
    reader.feed(text)
    if reader.rawdata.startswith("<"):
        raise TemplateError("a tag begins here and has no end. Write > there, or &lt; for the sign.", reader.line)
    for tag, line in reversed(reader.open):
        if tag not in _MAY_STAY_OPEN:
            raise TemplateError(f"<{tag}> is never closed. Write </{tag}> where it ends.", line)


class _Reader(HTMLParser):
    """Raises TemplateError where it reads what is not allowed; `open` are the elements nothing has closed."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.open: list[tuple[str, int]] = []

    @property
    def line(self) -> int:
        return self.getpos()[0]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in TAGS:
            raise TemplateError(_refusal(tag), self.line)
        allowed = ATTRIBUTES["*"] | ATTRIBUTES.get(tag, set())
        for name, value in attrs:
            if name not in allowed:
                raise TemplateError(f"the attribute {name[:40]} of <{tag}> is not allowed. Take it out.", self.line)
            self._check_value(name, value or "")
        if tag not in _ALONE:
            self.open.append((tag, self.line))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _ALONE:
            raise TemplateError(f"<{tag}/> ends nothing in HTML. Write <{tag}></{tag}>.", self.line)

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open[-1][0] != tag and self.open[-1][0] in _MAY_STAY_OPEN:
            self.open.pop()
        if not self.open or self.open[-1][0] != tag:
            raise TemplateError(f"</{tag}> closes nothing that is open here. Take it out, or open it first.", self.line)
        self.open.pop()

    def handle_decl(self, decl: str) -> None:
        raise TemplateError(f"<!{decl[:20]}> is put around it by us. Leave it out.", self.line)

    def _check_value(self, name: str, value: str) -> None:
        if name in {"href", "src"}:
            scheme = _SCHEME.match(value)
            if not value.lstrip().startswith("$") and (scheme is None or scheme[1].lower() not in SCHEMES):
                said = f"“{value[:60]}” is no whole address. Write https://… or a variable such as $URL."
                raise TemplateError(said, self.line)
        if name == "style":
            for part in filter(str.strip, value.split(";")):
                word = part.partition(":")[0].strip().lower()
                if word not in STYLES:
                    raise TemplateError(f"the style “{word[:40]}” is not allowed in a mail. Take it out.", self.line)


def _refusal(tag: str) -> str:
    if tag in _OURS:
        return f"<{tag}> is put around it by us. Leave it out, with its end."
    if tag == "style":
        return '<style> is not allowed: mail programs drop it. Write style="color:#333" into the element itself.'
    return f"<{tag[:40]}> is not allowed in a mail. Take it out."
