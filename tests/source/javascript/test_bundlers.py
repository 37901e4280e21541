"""Which file an import means by `alias` of Vite, webpack, SvelteKit and Next, and by Babel's module-resolver."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.apps import FIXED, RANDOM, claims_of, route_of

if TYPE_CHECKING:
    from pathlib import Path

VITE = 'import path, { join, resolve } from "node:path"; import { fileURLToPath, URL } from "node:url";\n'
CORE = ("@core/lib/ids", "packages/kernel/lib/ids.ts", "web/core/lib/ids.ts")
# Each has two files whose paths end alike: the first is the one that the import means.
ALIASES: dict[str, tuple[str, str, tuple[str, str, str]]] = {
    "vite, path.resolve": (
        "vite.config.ts",
        'export default defineConfig({ resolve: { alias: { "@core": path.resolve(__dirname, "packages/kernel") } } });',
        CORE,
    ),
    "vite, a list": (
        "vite.config.js",
        'export default { resolve: { alias: [{ find: "@core", replacement: resolve(__dirname, "./packages", "kernel") }] } };',
        CORE,
    ),
    "vite, a pattern": (
        "vite.config.mts",
        "export default { resolve: { alias: [{ find: /^@core\\//, replacement: `${__dirname}/packages/kernel/` }] } };",
        CORE,
    ),
    "vite, a URL": (
        "vite.config.ts",
        """export default defineConfig(({ mode }) => ({
          resolve: { alias: { "@core": fileURLToPath(new URL("./packages/kernel", import.meta.url)) } } }));""",
        CORE,
    ),
    "vite, from the root": (
        "vite.config.ts",
        'const config = { resolve: { alias: { "@core": "/packages/kernel" } } }; export default config;',
        CORE,
    ),
    "vite, a name of its own": (
        "vite.config.ts",
        """const here = (folder) => join(import.meta.dirname, folder);
        const alias = { "@core": here("packages/kernel"), ...others };
        export default defineConfig({ resolve: { alias } });""",
        CORE,
    ),
    "webpack": (
        "webpack.config.js",
        "module.exports = { resolve: { alias: { '@core': path.join(__dirname, 'packages', 'kernel') } } };",
        CORE,
    ),
    "webpack, exact": (
        "webpack.config.js",
        "module.exports = (env) => ({ resolve: { alias: { ids$: __dirname + '/server/tokens.ts' } } });",
        ("ids", "server/tokens.ts", "web/ids.ts"),
    ),
    "webpack, in a folder of its own": (
        "server/webpack.common.js",
        "const root = path.resolve(__dirname, '..'); module.exports = { resolve: { alias: { '@core': path.join(root, 'packages/kernel') } } };",
        CORE,
    ),
    "next": (
        "next.config.js",
        "module.exports = { webpack: (config) => { config.resolve.alias['@core'] = path.join(__dirname, 'packages/kernel'); return config; } };",
        CORE,
    ),
    "svelte": ("svelte.config.js", "export default { kit: { alias: { '@core': './packages/kernel' } } };", CORE),
    "babel": (
        "babel.config.js",
        "module.exports = { plugins: [['module-resolver', { alias: { '@core': './packages/kernel' } }]] };",
        CORE,
    ),
    "babel, a root": (
        "babel.config.js",
        "module.exports = { plugins: [['module-resolver', { root: ['./source'] }]] };",
        ("lib/ids", "source/lib/ids.ts", "server/other/lib/ids.ts"),
    ),
    "babel, a document": (
        ".babelrc",
        '{"plugins": ["x", ["babel-plugin-module-resolver", {"alias": {"@core": "./packages/kernel"}}]]}',
        CORE,
    ),
    "babel, in package.json": (
        "package.json",
        '{"babel": {"plugins": [["module-resolver", {"alias": {"@core": "./packages/kernel"}}]]}}',
        CORE,
    ),
}


def claims(folder: Path, alias: str, meant: str, other: str) -> dict[str, str]:
    """What is said of an app in which the one file, and the other, hold these."""
    file, text, (package, true, alike) = ALIASES[alias]
    settings = {file: VITE + text if file.startswith("vite") else text}
    return claims_of(folder, {**settings, "server/routes.ts": route_of(package), true: meant, alike: other}, "makes")


@pytest.mark.parametrize("alias", ALIASES)
def test_an_alias_leads_to_the_file_that_it_names(alias: str, tmp_path: Path) -> None:
    """And not to another one whose path ends alike."""
    assert claims(tmp_path / "wrong", alias, RANDOM, FIXED) == {"makes": "fail"}
    assert claims(tmp_path / "right", alias, FIXED, RANDOM) == {"makes": "pass"}


UNREAD = {
    "an environment variable": '{ "@core": process.env.CORE }',
    "a function of a package": '{ "@core": findUp("packages/kernel") }',
    "a path with an unknown part": '{ "@core": path.resolve(__dirname, kernel) }',
}


@pytest.mark.parametrize("how", UNREAD)
def test_an_alias_that_is_not_written_out_is_not_guessed(how: str, tmp_path: Path) -> None:
    """Of two files that may be meant neither is taken, and nothing is claimed of what it makes."""
    files = {
        "vite.config.ts": f"export default {{ resolve: {{ alias: {UNREAD[how]} }} }};",
        "server/routes.ts": route_of("@core/lib/ids"),
        "packages/kernel/lib/ids.ts": FIXED,
        "web/core/lib/ids.ts": FIXED,
    }
    assert claims_of(tmp_path / "two", files, "makes") == {"makes": "unknown"}
    del files["web/core/lib/ids.ts"]  # the only one that it may mean
    assert claims_of(tmp_path / "one", files, "makes") == {"makes": "pass"}
    files["packages/kernel/lib/ids.ts"] = RANDOM
    assert claims_of(tmp_path / "random", files, "makes") == {"makes": "fail"}


def test_an_alias_of_tests_is_none_of_the_app(tmp_path: Path) -> None:
    """Nor is the double that it stands for."""
    files = {
        "vitest.config.ts": 'export default { resolve: { alias: { "@core": "./doubles" } } };',
        "jest.config.js": 'module.exports = { moduleNameMapper: { "@core/(.*)": "<rootDir>/doubles/$1" } };',
        "tsconfig.json": '{"compilerOptions": {"paths": {"@core/*": ["./packages/kernel/*"]}}}',
        "server/routes.ts": route_of("@core/lib/ids"),
        "packages/kernel/lib/ids.ts": RANDOM,
        "doubles/lib/ids.ts": FIXED,
    }
    assert claims_of(tmp_path, files, "makes") == {"makes": "fail"}
