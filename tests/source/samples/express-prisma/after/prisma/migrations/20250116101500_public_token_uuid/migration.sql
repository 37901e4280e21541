SET lock_timeout = '5s';

-- AlterTable
ALTER TABLE "chatbots"
    ALTER COLUMN "public_token" SET DATA TYPE UUID USING gen_random_uuid(),
    ALTER COLUMN "public_token" SET DEFAULT gen_random_uuid();
