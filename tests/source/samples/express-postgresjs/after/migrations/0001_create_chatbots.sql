CREATE TABLE chatbots (
    id serial PRIMARY KEY,
    name text NOT NULL,
    require_auth boolean NOT NULL DEFAULT false,
    public_token varchar(8) NOT NULL UNIQUE,
    created_at timestamptz NOT NULL DEFAULT now()
);
