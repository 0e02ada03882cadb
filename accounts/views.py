"""Pages about oneself, and the administrator's Mailbox."""

from functools import wraps

from allauth.core import ratelimit
from csp.decorators import csp, csp_update
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.paginator import Paginator
from django.http import HttpResponse, HttpResponseBadRequest, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.entry import counted
from accounts.forms import ProfileForm
from accounts.models import Mail, User

THEMES = {"auto": "Like the system", "light": "Light", "dark": "Dark"}
YEAR = 365 * 24 * 3600  # seconds
MAILS_PER_PAGE = 25


# Oneself ------------------------------------------------------------------------------------------------------------
@counted
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def profile(request):
    form = ProfileForm(request.POST or None, user=User.objects.get(pk=request.user.pk))
    if request.method == "POST" and form.is_valid() and _saved(request, form):
        return redirect("accounts:profile")
    context = {
        "form": form,
        "themes": THEMES,
        "memberships": request.user.memberships.select_related("team").order_by("id"),
        "email_confirmed": request.user.emailaddress_set.filter(verified=True).exists(),
    }
    return render(request, "accounts/profile.html", context)


def _saved(request, form):
    try:
        address = form.save()
    except ValidationError as error:  # somebody else was faster
        form.add_error(None, error)
        return False
    messages.success(request, "Saved.")
    if address and ratelimit.consume(request, action="confirm_email", key=address.email):
        address.send_confirmation(request)
        messages.info(request, f"A link to confirm {address.email} was sent there.")
    return True


@require_POST
def theme(request):
    """Remembers light, dark or auto in this browser; no account needed."""
    chosen = request.POST.get("theme", "")
    if chosen not in THEMES:
        return HttpResponseBadRequest("Choose auto, light or dark.", content_type="text/plain")
    response = HttpResponseRedirect(_way_back(request))
    secure = settings.SESSION_COOKIE_SECURE
    response.set_cookie("theme", chosen, max_age=YEAR, samesite="Lax", secure=secure)
    return response


def _way_back(request):
    """The path the visitor came from, if it is one of ours."""
    path = request.POST.get("next", "")
    ours = path.startswith("/") and url_has_allowed_host_and_scheme(path, allowed_hosts=None)
    return path if ours else "/"


# Mailbox ------------------------------------------------------------------------------------------------------------
def administrator_required(view):
    """Mail holds links that open accounts: nobody but the site's administrator reads it."""

    @wraps(view)
    @login_required
    def guarded(request, *args, **kwargs):
        if not request.user.is_superuser:
            raise PermissionDenied
        return view(request, *args, **kwargs)

    return guarded


@administrator_required
@require_safe
def mailbox(request):
    search = request.GET.get("search", "").replace("\0", "").strip()[:200]
    mails = Mail.objects.order_by("-sent_at", "-pk").defer("text", "html")
    if search:
        mails = mails.filter(subject__icontains=search) | mails.filter(recipients__icontains=search)
    page = Paginator(mails, MAILS_PER_PAGE).get_page(request.GET.get("page"))
    context = {"page": page, "search": search, "mail_server": bool(settings.EMAIL_URL)}
    return render(request, "accounts/mailbox.html", context)


@administrator_required
@require_safe
@csp_update({"frame-src": ["'self'"]})  # type: ignore[arg-type]  # it knows no view with arguments
def mail(request, pk):
    return render(request, "accounts/mail.html", {"mail": get_object_or_404(Mail, pk=pk)})


@administrator_required
@require_safe
@xframe_options_sameorigin
@csp(  # type: ignore[arg-type]
    {
        "default-src": ["'none'"],
        "style-src": ["'unsafe-inline'"],
        "img-src": ["data:"],
        "frame-ancestors": ["'self'"],
        "sandbox": True,
    }
)
def mail_html(request, pk):
    """The message's own HTML for the frame: no script, no request to anywhere, no origin of its own."""
    found = get_object_or_404(Mail.objects.exclude(html=""), pk=pk)
    return HttpResponse(found.html)
