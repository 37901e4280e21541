CREATE EXTENSION IF NOT EXISTS "uuid-ossp";

CREATE TABLE assistants (
    assistant_id bigserial PRIMARY KEY,
    title        varchar(120) NOT NULL,
    model        text NOT NULL DEFAULT 'small',
    share_token  uuid NOT NULL DEFAULT uuid_generate_v4() UNIQUE,
    created_at   timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE messages (
    id           bigserial PRIMARY KEY,
    assistant_id bigint NOT NULL REFERENCES assistants,
    body         text NOT NULL,
    sent_at      timestamptz NOT NULL DEFAULT now()
);
