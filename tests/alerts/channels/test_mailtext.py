"""How a mail is put: our own template, a team's, and everything that may not come out of one."""

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.channels import mailtext
from alerts.channels.base import Event, Wording
from alerts.channels.wording import TemplateError
from tests.alerts.channels.messages import make_message, make_subject
from tests.alerts.channels.providers import EVIL, all_messages


class Elements(HTMLParser):
    """The elements of a mail, within our own table: (tag, attributes)."""

    def __init__(self, html):
        super().__init__()
        self.found = []
        self.feed(html.partition('<td align="center">')[2])

    def __iter__(self):
        return iter(self.found)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


PLAIN = Wording("$TITLE", "$TEXT", "<p>$TEXT</p>")


def written(message=None, **parts):
    return mailtext.written(message or make_message(), Wording(**{**vars(PLAIN), **parts}))


@pytest.mark.parametrize("message", all_messages(), ids=lambda message: f"{message.event}, {len(message.title)}")
def test_our_own_template_says_every_message(message):
    rendered = mailtext.usual(message)
    assert rendered.title
    assert message.url in rendered.text
    assert "$" not in re.sub(r"\$[^A-Z{]", "", rendered.text)
    assert rendered.html.startswith("<!doctype html>")


def test_our_own_template_breaks_none_of_the_rules_for_others():
    usual = mailtext.default()
    mailtext.check_subject(usual.subject)
    mailtext.check_html(usual.html)


def test_what_there_is_nothing_to_say_of_is_left_out():
    rendered = mailtext.usual(make_message(event=Event.TEST, subject=None, facts=()))
    assert "Acknowledge" not in rendered.text + rendered.html
    assert "\n\n\n" not in rendered.text
    waiting = make_message(acknowledge_url="https://uptime.example/a/1?x=1&y=2")
    rendered = mailtext.usual(waiting)
    assert "Acknowledge: https://uptime.example/a/1?x=1&y=2" in rendered.text
    assert 'href="https://uptime.example/a/1?x=1&amp;y=2"' in rendered.html


@pytest.mark.parametrize(
    "where", ["<p>$TITLE</p>", "<a href=$TITLE title=$TITLE>x</a>", '<p style="color:$TITLE">x</p>']
)
@pytest.mark.parametrize(
    "evil",
    [
        EVIL,
        "<script>alert(1)</script>",
        "javascript:alert(1)",
        "x onmouseover=alert(1)",
        '"><img src=x onerror=alert(1)>',
        "red;background:url(https://evil.example/)",
        "&lt;script&gt;",
    ],
)
def test_what_a_monitor_is_called_never_becomes_markup(where, evil):
    found = Elements(written(make_message(title=evil), html=f"$TEXT {where}").html)
    assert {tag for tag, _ in found} <= {"p", "a"}
    for _, attributes in found:
        assert set(attributes) <= {"href", "title", "style", "rel"}
        assert attributes.get("href", "https:").startswith("https:")
        assert "url" not in attributes.get("style", "")


@pytest.mark.parametrize(
    ("html", "said"),
    [
        ("<p>\n<script>x</script></p>", "Line 2: <script> is not allowed in a mail. Take it out."),
        ("<style>p{}</style>", "Line 1: <style> is not allowed: mail programs drop it."),
        ("<!doctype html><p>x</p>", "Line 1: <!doctype html> is put around it by us. Leave it out."),
        ("<html><body>x</body></html>", "Line 1: <html> is put around it by us. Leave it out, with its end."),
        ("<p onclick=x>x</p>", "Line 1: the attribute onclick of <p> is not allowed. Take it out."),
        ("<p>\n\n<a href='javascript:x'>x</a></p>", "Line 3: “javascript:x” is no whole address."),
        ("<img src='data:image/png;base64,xx'>", "Line 1: “data:image/png;base64,xx” is no whole address."),
        ("<a href='/incidents'>x</a>", "Line 1: “/incidents” is no whole address. Write https://… or a variable"),
        ("<p style='position:fixed'>x</p>", "Line 1: the style “position” is not allowed in a mail."),
        ("<p style='background:url(https://x)'>x</p>", "Line 1: the style “background” is not allowed in a mail."),
        ("a\n<div>b", "Line 2: <div> is never closed. Write </div> where it ends."),
        ("a\n</div>", "Line 2: </div> closes nothing that is open here."),
        ("<div><b>x</div></b>", "Line 1: </div> closes nothing that is open here."),
        ("<div/>x", "Line 1: <div/> ends nothing in HTML."),
        ("<iframe src=x></iframe>", "Line 1: <iframe> is not allowed in a mail."),
        ("<form action=x></form>", "Line 1: <form> is not allowed in a mail."),
        ("<svg onload=x>", "Line 1: <svg> is not allowed in a mail."),
        ("<p>x</p><a href", "Line 1: a tag begins here and has no end."),
        ("<p>$WHAT</p>", "Line 1: There is no $WHAT."),
    ],
)
def test_what_no_mail_may_hold_is_refused_with_its_line(html, said):
    with pytest.raises(TemplateError) as raised:
        mailtext.check_html(html)
    assert str(raised.value).startswith(said)


@pytest.mark.parametrize(
    "html",
    [
        "<p>One<p>Two<br><hr/><ul><li>a<li>b</ul>",
        "<!-- a note --><table><tr><td style='padding:1px;color:$COLOR'>x</table>",
        '<a href="$URL">x</a> <a href="mailto:a@example.com">y</a> <img src="https://x.example/logo.png" alt="">',
        "5 &lt; 6 &amp; 7",
    ],
)
def test_ordinary_html_is_taken(html):
    mailtext.check_html(html)


@pytest.mark.parametrize("text", ["a\nb", "a\r\nBcc: x@example.com", "a\x00", "\u202eabc", "$WHAT"])
def test_a_subject_is_one_plain_line(text):
    with pytest.raises(TemplateError):
        mailtext.check_subject(text)


def test_a_subject_of_hostile_names_stays_one_line():
    message = make_message(subject=make_subject(monitor="Shop\r\nBcc: thief@example.com"))
    assert written(message, subject="$MONITOR!").title == "Shop  Bcc: thief@example.com!"
    assert len(written(make_message(title="x" * 900)).title) == mailtext.SUBJECT_LONGEST


def test_a_subject_that_is_empty_for_a_message_is_the_usual_one():
    assert written(subject="$ACKNOWLEDGED_BY").title == "Shop is down"


@pytest.mark.parametrize("part", ["text", "html"])
def test_words_that_are_empty_for_a_message_are_an_error(part):
    with pytest.raises(TemplateError, match="is empty for this message"):
        written(**{part: "$ACKNOWLEDGED_BY"})


@pytest.mark.parametrize(("part", "label"), [("subject", "Subject"), ("text", "Text"), ("html", "HTML")])
def test_what_cannot_be_filled_in_is_told_with_its_part_and_line(part, label):
    with pytest.raises(TemplateError, match=f"^{label}: Line 2: There is no \\$GONE"):
        written(**{part: "a\n$GONE"})


TAGGY = st.text(alphabet="<>/=\"' \nabdipstyle$TITLE:;!-&", max_size=120)


@given(TAGGY, TAGGY)
def test_whatever_is_typed_and_said_comes_out_clean_or_is_an_error_in_words(html, title):
    try:
        mailtext.check_html(html)
        found = written(make_message(title=title), html=html + "x").html
    except TemplateError:
        return
    for tag, attributes in Elements(found):
        assert tag in mailtext.TAGS
        assert set(attributes) <= mailtext.ATTRIBUTES["*"] | mailtext.ATTRIBUTES.get(tag, set()) | {"rel"}
