"""A site of Django's, and a receiver beside it."""

from __future__ import annotations

__all__ = ("in_django",)

import sys
from types import ModuleType
from typing import Any

import django.conf
from django.core.asgi import get_asgi_application
from django.http import HttpResponse
from django.urls import path
from tests.webhooks.asgi import App


def in_django(receiver: App) -> App:
    """Put it beside Django, which mounts no ASGI apps itself, and hears no lifespan."""
    urls = ModuleType("tests_urls")
    urls.urlpatterns = [path("", lambda _: HttpResponse("home"))]  # type: ignore[attr-defined]
    sys.modules[urls.__name__] = urls

    if not django.conf.settings.configured:
        django.conf.settings.configure(ALLOWED_HOSTS=["*"])

    django.conf.settings.ROOT_URLCONF = urls.__name__
    site = get_asgi_application()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await receiver(scope, receive, send)
        elif scope["path"].startswith("/hooks/"):
            await receiver({**scope, "root_path": "/hooks"}, receive, send)
        else:
            await site(scope, receive, send)

    return app
