import { PrismaClient } from "@prisma/client";

const prisma = new PrismaClient();

async function main() {
  for (const name of ["Support", "Sales"]) {
    await prisma.chatbot.create({ data: { name } });
  }
}

main().finally(() => prisma.$disconnect());
