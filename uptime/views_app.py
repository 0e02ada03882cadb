"""What makes the site an app on a phone: its manifest, its service worker, and the page for when it is not reached."""

from hashlib import sha256

from django.http import HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.urls import reverse
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

BRAND, CANVAS = "#3d4ee0", "#f6f7f9"  # --brand and --canvas of tokens.css, as they are in the light
ICONS = [("app-192", 192, "any"), ("app-512", 512, "any"),
         ("app-maskable-192", 192, "maskable"), ("app-maskable-512", 512, "maskable")]  # fmt: skip
OFFLINE_ASSETS = ["css/tokens.css", "css/base.css", "css/components.css", "css/layout.css", "img/icons.svg",
                  "img/favicon-unknown.svg"]  # fmt: skip


@require_safe
@cache_control(max_age=3600)
def manifest(request):
    """Web Application Manifest (W3C). The start page is the list of monitors, or the sign-in page before it."""
    start = reverse("monitors:list")
    icons = [
        {"src": static(f"img/{name}.png"), "sizes": f"{size}x{size}", "type": "image/png", "purpose": purpose}
        for name, size, purpose in ICONS
    ]
    said = {
        "id": start,
        "name": "Uptime",
        "short_name": "Uptime",
        "description": "What is down, since when and why, and who has been told.",
        "lang": "en",
        "start_url": start,
        "scope": start,
        "display": "standalone",
        "theme_color": BRAND,
        "background_color": CANVAS,
        "icons": icons,
        "shortcuts": [
            {"name": "Incidents", "url": reverse("incidents:list")},
            {"name": "Browsers that are told", "url": reverse("alerts:browsers")},
        ],
    }
    return JsonResponse(said, content_type="application/manifest+json")


@require_safe
def service_worker(request):
    """From the root, so that its scope is the whole site; always asked for anew, so that a release replaces it."""
    release = sha256(" ".join(map(static, OFFLINE_ASSETS)).encode() + _offline(request).content).hexdigest()[:12]
    text = render_to_string("app/service-worker.js", {"assets": OFFLINE_ASSETS, "release": release})
    headers = {"Cache-Control": "no-cache", "Service-Worker-Allowed": "/"}
    return HttpResponse(text, content_type="text/javascript; charset=utf-8", headers=headers)


@require_safe
@cache_control(no_cache=True)
def offline(request):
    return _offline(request)


def _offline(request):
    return render(request, "app/offline.html")
