"""docs/configuration.md: each key of environments.yaml, from the models' docstrings, with default and example."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import yaml
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from harness.configuration.json_schema import environments_schema
from harness.configuration.models import Environment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic.fields import FieldInfo

_BEGIN = """\
# environments.yaml

For whoever writes or reviews `environments.yaml`: each key, what it means, its default, and an example.

The file names your deployments. `defaults` is merged under each environment, mapping by mapping.

```yaml
defaults:
  api: {create: /api/chatbots, token: public_token}
environments:
  preview: {url: "${PREVIEW_URL}", database: "${PREVIEW_POSTGRES_URL}"}
  production: {url: "${PRODUCTION_URL}", database: "${POSTGRES_URL}", protected: true}
```

- `${VAR}` becomes the value of the environment variable. `${VAR:-default}` has a default, and `${VAR:?message}` an
  error message. A variable that is unset or empty is an error. Only the environments that a run names are expanded.
- An unknown key, a wrong type or an unknown environment is an error with exit code 4. Nothing is sent then.
- Editors that know the YAML language server complete and check the file by its first line:
  `# yaml-language-server: $schema=environments.schema.json`. Write the schema with
  `chatbots-smoke schema environments > environments.schema.json`.
- `chatbots-smoke init` drafts the file, and `chatbots-smoke doctor` checks it:
  [getting-started.md](getting-started.md).

Each example stands under an environment, or under `defaults`. `make docs` writes this page.

## The keys
"""
EXAMPLES: dict[str, str] = {
    "url": 'url: "${PREVIEW_URL}"',
    "database": "database: postgresql://smoke:${SMOKE_PASSWORD}@db.example.com:5432/shop?sslmode=require",
    "headers": 'headers: {Authorization: "Bearer ${SMOKE_TOKEN}"}',
    "login.path": "login: {path: /api/auth/login, json: {email: smoke@example.com}}",
    "login.json": 'login: {path: /login, json: {user: smoke, password: "${SMOKE_PASSWORD}"}}',
    "ready.path": "ready: {path: /healthz}",
    "ready.timeout_s": "ready: {timeout_s: 90}",
    "ready.revision": "ready: {path: /healthz, revision: build.commit}",
    "api.create": "api: {create: /v1/bots}",
    "api.status": "api: {status: 200}",
    "api.delete": 'api: {delete: "/api/chatbots/{id}"}',
    "api.payload": 'api: {payload: {title: "{name}", language: en}}',
    "api.id": "api: {id: data.chatbot.id}",
    "api.token": "api: {token: data.chatbot.publicToken}",
    "api.timeout_s": "api: {timeout_s: 30}",
    "table.name": "table: {name: tenant.bots}",
    "table.id": "table: {id: bot_id}",
    "table.label": "table: {label: title}",
    "table.token": "table: {token: public_token}",
    "source": "source: ../app",
    "posts": "posts: 20",
    "burst": "burst: 32",
    "cleanup": 'cleanup: api\napi: {delete: "/api/chatbots/{id}"}',
    "late_rows_s": "late_rows_s: 30",
    "statement_timeout_s": "statement_timeout_s: 600",
    "protected": "protected: true",
    "latency_p95_ms": "latency_p95_ms: 250",
    "ca_file": "ca_file: certificates/company.pem",
    "probes": "probes: [chosen_token]",
    "waive": "waive: {app_leaves_the_token_to_postgres: this platform grants nobody pg_read_all_stats}",
    "stored.legacy_until": "stored: {legacy_until: 48211}",
    "soak.attempts": "soak: {attempts: 10000, users: 20, rate: 100}",
    "soak.users": "soak: {attempts: 10000, users: 20, rate: 100}",
    "soak.rate": "soak: {attempts: 10000, users: 20, rate: 2.5}",
    "watch.rate": "watch: {rate: 1}",
    "watch.attempts": "watch: {rate: 2, attempts: 1200}",
    "watch.outage_s": "watch: {outage_s: 5}",
    "watch.latency_p95_ms": "watch: {latency_p95_ms: 800}",
}
"""An example of each key, as it stands under an environment."""


def keys(model: type[BaseModel] = Environment, within: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Each key that holds a value, as `api.create`, with its field; a mapping of keys is its keys."""
    environments_schema()  # fields get their descriptions when it is asked for
    for name, field in model.model_fields.items():
        key = within + (field.alias or name)
        if key == "name":
            continue
        inner = [kind for kind in (field.annotation, *get_args(field.annotation)) if _is_model(kind)]
        if inner:
            yield from keys(inner[0], f"{key}.")
        else:
            yield key, field


def _is_model(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def configuration_document() -> str:
    """The page: a heading for each key, so that a link leads to it."""
    return _BEGIN + "".join(_described(key, field) for key, field in keys())


def _described(key: str, field: FieldInfo) -> str:
    means = " ".join((field.description or "").split())
    return f"\n### {key}\n\n{means}\n\n{_default(key, field)}\n\n```yaml\n{EXAMPLES[key]}\n```\n"


def _default(key: str, field: FieldInfo) -> str:
    value: Any = field.get_default(call_default_factory=True, validated_data={})
    if value is PydanticUndefined:
        return f"Required within `{key.partition('.')[0]}`." if "." in key else "Required."
    if isinstance(value, Path):
        value = str(value)
    if value == ["auto"]:
        value = "auto"
    written = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=1000)
    plain = written.removesuffix("...\n").strip()
    return f"Default: `{plain}`."
