CREATE EXTENSION IF NOT EXISTS "uuid-ossp";

SET lock_timeout = '5s';

-- Old tokens cannot be cast; links to those chatbots are made again.
ALTER TABLE chatbots ALTER COLUMN public_token DROP DEFAULT;
ALTER TABLE chatbots ALTER COLUMN public_token TYPE uuid USING uuid_generate_v4();
ALTER TABLE chatbots ALTER COLUMN public_token SET DEFAULT uuid_generate_v4();
