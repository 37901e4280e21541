CREATE TABLE chatbots (
  id serial PRIMARY KEY,
  title text NOT NULL,
  public_token uuid NOT NULL DEFAULT gen_random_uuid() UNIQUE,
  created_at timestamptz NOT NULL DEFAULT now()
);
