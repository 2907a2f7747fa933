"""The web server in its process; only `calotype serve` needs it, so nothing else takes the time to import it."""

from __future__ import annotations

import socket

import uvicorn

from calotype.bootstrap import Application


class WebServer(uvicorn.Server):
    """Uvicorn, which says so when it is ready."""

    def __init__(self, config: uvicorn.Config, address: str) -> None:
        super().__init__(config)
        self._address = address

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the streams that would go on for as long as their analyses, then stop as ever."""
        application: Application | None = getattr(self.config.app.state, "application", None)  # type: ignore[union-attr]  # ours
        if application is not None:
            application.analysis_watch.stop()
        await super().shutdown(sockets)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then show the first key of a new installation and the address."""
        await super().startup(sockets)
        if self.should_exit:
            if self.started:
                # Asked to stop meanwhile: Uvicorn would leave without closing what it has just opened.
                await self.shutdown(sockets)
            return
        application: Application = self.config.app.state.application  # type: ignore[union-attr]  # ours, never a name
        first_key = await application.api_keys.create_first()
        if first_key:
            print(f"\nYour API key, shown only this once:\n\n    {first_key}\n", flush=True)
        if application.settings.speech_model is None:
            print("What is said in videos is not written down: CALOTYPE_SPEECH_MODEL names no model.", flush=True)
        print(f"Calotype is ready at {self._address} (documentation: {self._address}/docs)", flush=True)
