-- CreateTable
CREATE TABLE "chatbots" (
    "id" SERIAL NOT NULL,
    "name" TEXT NOT NULL,
    "require_auth" BOOLEAN NOT NULL DEFAULT false,
    "public_token" TEXT NOT NULL,
    "created_at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "chatbots_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "chatbots_public_token_key" ON "chatbots"("public_token");
