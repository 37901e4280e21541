import { MigrationInterface, QueryRunner } from "typeorm";

export class CreateChatbots1719830000000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`CREATE EXTENSION IF NOT EXISTS "uuid-ossp"`);
    await queryRunner.query(`CREATE TABLE "chatbots" (
      "id" SERIAL NOT NULL,
      "name" character varying(100) NOT NULL,
      "temperature_percent" integer NOT NULL,
      "public_token" uuid NOT NULL DEFAULT uuid_generate_v4(),
      "created_at" TIMESTAMP NOT NULL DEFAULT now(),
      CONSTRAINT "UQ_public_token" UNIQUE ("public_token"),
      CONSTRAINT "PK_chatbots" PRIMARY KEY ("id"))`);
    await queryRunner.query(`CREATE TABLE "accounts" ("id" SERIAL PRIMARY KEY, "username" text NOT NULL, "hash" text NOT NULL)`);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`DROP TABLE "accounts"`);
    await queryRunner.query(`DROP TABLE "chatbots"`);
  }
}
