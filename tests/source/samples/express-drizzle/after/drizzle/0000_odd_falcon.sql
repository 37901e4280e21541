CREATE TABLE "chatbots" (
	"id" serial PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"require_auth" boolean DEFAULT false NOT NULL,
	"public_token" varchar(8) NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "chatbots_public_token_unique" UNIQUE("public_token")
);
