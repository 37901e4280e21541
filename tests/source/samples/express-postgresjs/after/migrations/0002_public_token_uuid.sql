BEGIN;
SET LOCAL lock_timeout = '5s';

-- Old tokens are 6 to 8 characters long and cannot be cast: those chatbots get new ones.
ALTER TABLE chatbots
    ALTER COLUMN public_token TYPE uuid USING gen_random_uuid(),
    ALTER COLUMN public_token SET DEFAULT gen_random_uuid();

COMMIT;
