CREATE TABLE users (
    id bigserial PRIMARY KEY,
    email text NOT NULL UNIQUE,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE chatbots (
    id bigserial PRIMARY KEY,
    name text NOT NULL,
    require_auth boolean NOT NULL DEFAULT false,
    public_token text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT chatbots_public_token_key UNIQUE (public_token)
);
