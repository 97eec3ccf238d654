"""`gfm-ra serve`."""

import argparse
from importlib import import_module

from gfm_ra.cli import workshop
from gfm_ra.errors import InputError, UserError


def command(chosen: argparse.Namespace) -> int:
    """Serve until Ctrl-C or SIGTERM."""
    from gfm_ra.processors import cores
    from gfm_ra.server.served import may_be_followed
    from gfm_ra.server.settings import Limits, Settings, token_of_environment

    if chosen.workers > cores():
        raise InputError(f"--workers {chosen.workers}: this machine has {cores()} cores")
    if (chosen.certificate is None) != (chosen.key is None):
        raise InputError("--certificate and --key belong together: give both or neither")
    if chosen.follow is not None and not may_be_followed(chosen.model):
        raise InputError("--follow: only an alias of a registry can be followed: --model models:/NAME@ALIAS")
    if chosen.grpc_port is not None and chosen.certificate is not None:
        raise InputError("--grpc-port is without TLS: put a proxy in front of both, or leave one out")
    own = {"--grpc-port": chosen.grpc_port, "--certificate": chosen.certificate, "--drain": chosen.drain}
    if chosen.ray and (given := [name for name, value in own.items() if value is not None]):
        raise InputError(f"{given[0]} is not for --ray: Ray's own proxy listens and ends there")
    limits = Limits.of(
        chosen.max_body_mb, max_links=chosen.max_links, max_batch=chosen.max_batch, timeout_s=chosen.timeout,
        max_requests=chosen.max_requests, max_per_client=chosen.max_per_client,
    )  # fmt: skip
    settings = Settings(
        model=chosen.model, host=chosen.host, port=chosen.port, grpc_port=chosen.grpc_port, workers=chosen.workers,
        limits=limits, drain_s=Settings().drain_s if chosen.drain is None else chosen.drain,
        token=token_of_environment(), follow_s=chosen.follow, drift_reference=chosen.drift_reference,
        access_log=chosen.access_log, certificate=chosen.certificate, key=chosen.key,
    )  # fmt: skip
    if chosen.ray:
        return _on_ray(settings)
    try:
        run = import_module("gfm_ra.server.run")
        if chosen.grpc_port is not None:
            import_module("gfm_ra.server.grpc.service")
    except ModuleNotFoundError as error:
        extra = "server,grpc" if chosen.grpc_port is not None else "server"
        raise UserError(f"`gfm-ra serve` needs {error.name}: pip install 'gfm-ra[{extra}]'") from None
    run.serve(settings)
    return 0


def _on_ray(settings: object) -> int:
    module = workshop.module("pipelines.serving.application")
    if module is None:
        raise UserError(
            "`gfm-ra serve --ray` is a command of a clone: clone the project and run `make install`"
        )
    module.run(settings)  # type: ignore[attr-defined]
    return 0
