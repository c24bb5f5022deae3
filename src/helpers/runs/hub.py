"""JupyterHub as the way in: the kit's server is a service of the hub, which says who asks. Needs the extra ``hub``."""

from __future__ import annotations

import os
from typing import Any

import tornado.web
from jupyter_server.auth.decorator import allow_unauthenticated
from jupyter_server.base.handlers import JupyterHandler
from jupyterhub.services.auth import HubOAuthCallbackHandler
from jupyterhub.singleuser.extension import JupyterHubIdentityProvider

from helpers.runs.guard import Locked
from helpers.runs.identity import Person


class Hub(JupyterHubIdentityProvider):
    """JupyterHub's own identity provider; the person's groups are those of the hub."""

    way, door = "hub", "login"
    keeps_xsrf = True  # the hub's check of forged requests needs its own cookie

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        # read now and taken out of the environment: kernels and workers do not inherit the hub's token
        assert self.hub_auth.api_token
        for name in ("JUPYTERHUB_API_TOKEN", "JPY_API_TOKEN"):
            os.environ.pop(name, None)

    async def get_user(self, handler: Any) -> Person | None:  # type: ignore[override]
        if hasattr(handler, "_kit_person"):
            return handler._kit_person
        found: Any = await super().get_user(handler)
        handler.__dict__.pop("get_login_url", None)  # nobody is sent away before they asked to log in
        handler._kit_person = found and Person(
            found.username,
            display_name=found.display_name,
            way=self.way,
            groups=tuple(found.hub_user.get("groups") or ()),
        )
        return handler._kit_person

    def is_token_authenticated(self, handler: Any) -> bool:
        return False

    def get_handlers(self) -> list[tuple[str, Any]]:
        return [("/login", ToHub), ("/logout", LeaveHub), ("/oauth_callback", FromHub)]


class ToHub(Locked, JupyterHandler):
    """Send the browser to the hub."""

    open_methods = frozenset({"get"})

    @allow_unauthenticated
    async def get(self) -> None:
        from tornado.httputil import url_concat

        auth: Any = self.identity_provider.hub_auth  # type: ignore[attr-defined]
        verifier, challenge, method = auth.generate_pkce_code_challenge()
        state = auth.set_state_cookie(self, next_url=self.following, code_verifier=verifier)
        said = {"code_challenge": challenge, "code_challenge_method": method, "state": state}
        self.redirect(url_concat(auth.login_url, said))


class FromHub(Locked, HubOAuthCallbackHandler, JupyterHandler):
    """The browser comes back from the hub."""

    open_methods = frozenset({"get"})

    @property
    def hub_auth(self) -> Any:  # type: ignore[override]
        return self.identity_provider.hub_auth  # type: ignore[attr-defined]

    @allow_unauthenticated
    async def get(self) -> None:
        try:
            await super().get()
        except tornado.web.HTTPError:
            raise
        except Exception as problem:
            raise tornado.web.HTTPError(403) from problem


class LeaveHub(Locked, JupyterHandler):
    """Log out here, then at the hub."""

    referrer = "same-origin"

    async def post(self) -> None:
        auth: Any = self.identity_provider.hub_auth  # type: ignore[attr-defined]
        auth.clear_cookie(self)
        self.redirect(auth.hub_host + auth.hub_prefix.rstrip("/") + "/logout")
