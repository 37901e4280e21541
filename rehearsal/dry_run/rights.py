"""Whom the migration runs as, what that role may do in the real database, and the same in the copy.

In the copy `app` stands for that role. It is the role of the DSN where that owns the table or is a member of its owner,
and the owner otherwise. Other roles exist as far as they are needed, with the real memberships and without log-in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from rehearsal.dry_run.real_schema import Real, quoted
from rehearsal.dry_run.sessions import DATABASE, HAND, by_hand
from rehearsal.servers.postgres import OWNER, Postgres

# Roles that every server has and that reach nothing outside of a database.
HARMLESS_ROLES = {"pg_read_all_data", "pg_write_all_data", "pg_maintain", "pg_read_all_stats", "pg_stat_scan_tables"}

# A DSN's role that is no member of the owner has settings of its own, which are not those of the migration: the
# owner's are looked up, and where it has none, what holds for everybody, or Postgres's default.
RIGHTS = """
WITH relation AS (SELECT relowner FROM pg_class WHERE oid = to_regclass(%(table)s)
), who AS (
  SELECT o.oid AS owner_oid, o.rolname AS owner, u.rolname AS asked, u.rolsuper AS super,
    pg_has_role(u.oid, o.oid, 'MEMBER') AS member,
    CASE WHEN pg_has_role(u.oid, o.oid, 'MEMBER') AND NOT u.rolsuper THEN u.oid ELSE o.oid END AS oid
  FROM relation r JOIN pg_roles o ON o.oid = r.relowner JOIN pg_roles u ON u.rolname = current_user
), settings AS (
  SELECT p.name, coalesce(
    CASE WHEN w.asked = m.rolname THEN p.reset_val END,
    (SELECT substr(c, length(p.name) + 2) FROM pg_db_role_setting s CROSS JOIN LATERAL unnest(s.setconfig) c
     WHERE c LIKE p.name || '=%%' AND s.setrole IN (0, w.oid)
       AND s.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
     ORDER BY s.setrole <> 0 DESC, s.setdatabase <> 0 DESC LIMIT 1),
    CASE WHEN p.source IN ('user', 'database user', 'client') THEN p.boot_val ELSE p.reset_val END) AS value
  FROM who w JOIN pg_roles m ON m.oid = w.oid CROSS JOIN pg_settings p
  WHERE p.name IN ('search_path', 'lock_timeout', 'statement_timeout', 'default_transaction_read_only')
)
SELECT m.rolname, w.owner, w.asked, w.super, w.member, m.rolsuper,
  json_build_array('', pg_has_role(w.owner_oid, d.datdba, 'USAGE'), pg_has_role(m.oid, d.datdba, 'USAGE'),
     has_database_privilege(w.owner_oid, d.oid, 'CREATE'), has_database_privilege(m.oid, d.oid, 'CREATE'), true, true),
  (SELECT json_object_agg(r.rolname, pg_has_role(m.oid, r.oid, 'USAGE')) FROM pg_roles r
   WHERE pg_has_role(m.oid, r.oid, 'MEMBER')),
  coalesce((SELECT json_agg(r.rolname ORDER BY r.rolname) FROM pg_roles r WHERE pg_has_role(m.oid, r.oid, 'MEMBER')
     AND (r.rolsuper OR r.rolname ~ '^pg_' AND r.rolname <> 'pg_database_owner')), '[]'),
  (SELECT json_agg(json_build_array(p.rolname, r.rolname)) FROM pg_auth_members a
   JOIN pg_roles p ON p.oid = a.member JOIN pg_roles r ON r.oid = a.roleid),
  (SELECT json_agg(json_build_array(n.nspname,
     pg_has_role(w.owner_oid, n.nspowner, 'USAGE'), pg_has_role(m.oid, n.nspowner, 'USAGE'),
     has_schema_privilege(w.owner_oid, n.oid, 'CREATE'), has_schema_privilege(m.oid, n.oid, 'CREATE'),
     has_schema_privilege(w.owner_oid, n.oid, 'USAGE'), has_schema_privilege(m.oid, n.oid, 'USAGE')))
   FROM pg_namespace n WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'),
  (SELECT json_object_agg(name, value) FROM settings),
  (SELECT json_agg(n.nspname || '.' || c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
     AND NOT pg_has_role(m.oid, c.relowner, 'MEMBER'))
FROM who w JOIN pg_roles m ON m.oid = w.oid JOIN pg_database d ON d.datname = current_database()
"""


@dataclass(frozen=True)
class Place:
    """What two roles may do in a schema or database: the table's owner, and the one that migrates."""

    name: str
    owner_owns: bool
    role_owns: bool
    owner_creates: bool
    role_creates: bool
    owner_uses: bool
    role_uses: bool


@dataclass(frozen=True)
class Rights:
    """What the catalog says of the role that migrates."""

    role: str  # that migrates
    owner: str
    asked: str  # of the DSN
    asked_is_superuser: bool
    asked_is_member: bool  # of the owner, or the owner
    is_superuser: bool  # the role that migrates; here it is none
    database: Place
    memberships: dict[str, bool]  # roles that it may become: has it their rights without SET ROLE
    withheld: list[str]  # of those: here they can do nothing, or it cannot become them
    all_memberships: list[tuple[str, str]] | None  # member, role
    schemas: list[Place]
    settings: dict[str, str]  # in the units of pg_settings
    others: list[str] | None  # tables that the role does not own

    @property
    def takes_a_role(self) -> bool:
        """True if the table's owner is another role than the one that migrates."""
        return self.role != self.owner

    def search_path(self) -> str:
        """As set_config takes it, with the role's name in it: here the role is called otherwise."""
        return self.settings["search_path"].replace('"$user"', quoted(self.role))


def rights_of(connection: psycopg.Connection[Any], real: Real) -> Rights:
    """Of the role that migrates."""
    row = connection.execute(RIGHTS, {"table": f"{quoted(real.schema)}.{quoted(real.name)}"}).fetchone()
    assert row is not None
    role, owner, asked, asked_super, member, is_super, database, memberships, powerful, *rest = row
    pairs, schemas, settings, others = rest
    return Rights(
        role,
        owner,
        asked,
        withheld=[name for name in powerful if name not in HARMLESS_ROLES],
        asked_is_superuser=asked_super,
        asked_is_member=member,
        is_superuser=is_super,
        database=Place(*database),
        memberships=memberships,
        all_memberships=pairs,
        schemas=[Place(*place) for place in schemas],
        settings=settings,
        others=others,
    )


def remarks(rights: Rights) -> list[str]:
    """What the reader has to know of the role."""
    told = []
    if not rights.asked_is_member:
        told.append(
            f"WARNING: the role of this DSN, {rights.asked}, is neither the owner of the table, {rights.owner}, nor a"
            f" member of it: the migration runs here as {rights.role} would"
        )
    elif rights.asked_is_superuser and not rights.is_superuser:
        told.append(f"the role of this DSN is a superuser: the migration runs here as the owner, {rights.owner}, would")
    if rights.is_superuser:
        told.append(f"{rights.role} is a superuser, and here it is not")
    elif others := rights.others:
        more = f" and {len(others) - 5} more" if len(others) > 5 else ""
        told.append(f"{rights.role} does not own {', '.join(others[:5])}{more}; here it does")
    return told


def make_roles(server: Postgres, rights: Rights, real: Real, named: set[str]) -> set[str]:
    """Makes the roles that policies and the migration name, and the table's owner; returns what `app` may become.

    None of them may do anything outside of its database, whatever it may in the real one.
    """
    reserved = {OWNER, HAND, server.superuser}
    with psycopg.connect(server.dsn("postgres", server.superuser), autocommit=True) as connection:
        have = {name for (name,) in connection.execute("select rolname from pg_roles")}
        wanted = set(real.all_roles) & named | set(real.roles) | ({rights.owner} if rights.takes_a_role else set())
        wanted = {role for role in wanted - reserved if not role.startswith("pg_") or role in have & HARMLESS_ROLES}
        for role in wanted - have:
            connection.execute(sql.SQL("create role {}").format(sql.Identifier(role)))
        for member, role in rights.all_memberships or []:
            if {member, role} <= wanted:
                grant(connection, role, member)
        may_become = wanted & set(rights.memberships)
        for role in may_become:
            grant(connection, role, OWNER)
        connection.execute(f"create role {HAND} login bypassrls".encode())
        connection.execute(f"alter role {HAND} set session_replication_role = replica".encode())
        for role in {OWNER, *wanted}:
            grant(connection, role, HAND)
    return may_become


def grant(connection: psycopg.Connection[Any], role: str, member: str) -> None:
    """Makes one a member of the other, as GRANT does by default."""
    connection.execute(sql.SQL("grant {} to {}").format(sql.Identifier(role), sql.Identifier(member)))


def owner_here(rights: Rights, roles: set[str]) -> str:
    """Who makes and owns everything in the copy. `roles` is what `app` may become."""
    return rights.owner if rights.owner in roles else OWNER


def reproduce(server: Postgres, rights: Rights, roles: set[str]) -> None:
    """After everything was made: takes from the roles what the real ones have not."""
    owner = owner_here(rights, roles)
    with by_hand(server) as connection:
        have = {name for (name,) in connection.execute("select nspname from pg_namespace")}
        for place in rights.schemas:
            if place.name in have - {"rehearsal_only"}:
                restrict(connection, "schema", place.name, place, owner)
    with psycopg.connect(server.dsn("postgres", server.superuser), autocommit=True) as connection:
        restrict(connection, "database", DATABASE, rights.database, owner)
        if owner != OWNER:
            connection.execute(sql.SQL("alter role {} nologin").format(sql.Identifier(owner)))
        if rights.settings["default_transaction_read_only"] == "on":  # of `app` alone
            read_only = f'alter role {OWNER} in database "{DATABASE}" set default_transaction_read_only = on'
            connection.execute(read_only.encode())
        inherit(connection, rights, roles)


def restrict(connection: psycopg.Connection[Any], kind: str, name: str, place: Place, owner: str) -> None:
    """Gives a schema or database the owner and the privileges that it has in the real place."""
    its = owner if place.owner_owns else OWNER if place.role_owns else HAND
    what = sql.SQL(f"{kind} {{}}").format(sql.Identifier(name))
    connection.execute(sql.SQL("alter {} owner to {}").format(what, sql.Identifier(its)))
    if kind == "schema":
        connection.execute(sql.SQL("revoke all on {} from public").format(what))
    given = {owner: (place.owner_creates, place.owner_uses), OWNER: (place.role_creates, place.role_uses)}
    for role, (creates, uses) in given.items():
        if role == its:
            continue
        connection.execute(sql.SQL("revoke create on {} from {}").format(what, sql.Identifier(role)))
        privileges = ["create"] * creates + ["usage"] * (uses and kind == "schema")
        for privilege in privileges:
            grants = sql.SQL("grant {} on {} to {}")
            connection.execute(grants.format(sql.SQL(privilege), what, sql.Identifier(role)))


def inherit(connection: psycopg.Connection[Any], rights: Rights, roles: set[str], always: bool = False) -> None:
    """Lets `app` have the rights of its roles without SET ROLE, or not, as in the real database."""
    for role in sorted(roles):
        has = always or rights.memberships[role]
        if connection.info.server_version >= 160000:
            option = sql.SQL("true" if has else "false")
            connection.execute(
                sql.SQL("grant {} to {} with inherit {}").format(sql.Identifier(role), sql.Identifier(OWNER), option)
            )
        elif always or not has:
            connection.execute(f"alter role {OWNER} {'inherit' if has else 'noinherit'}")
