SET LOCAL lock_timeout = '5s';--> statement-breakpoint
ALTER TABLE "chatbots" ALTER COLUMN "public_token" DROP DEFAULT;--> statement-breakpoint
ALTER TABLE "chatbots" ALTER COLUMN "public_token" SET DATA TYPE uuid USING gen_random_uuid();--> statement-breakpoint
ALTER TABLE "chatbots" ALTER COLUMN "public_token" SET DEFAULT gen_random_uuid();
