-- The table before the change: the app makes up a random token of 6 to 8 characters and names it in its INSERT.
create table chatbots (
    id           bigserial primary key,
    name         text not null,
    public_token varchar(64) not null unique,
    require_auth boolean not null default false,
    created_at   timestamptz not null default now()
);
