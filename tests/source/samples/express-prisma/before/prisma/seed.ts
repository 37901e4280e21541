import { PrismaClient } from "@prisma/client";

const prisma = new PrismaClient();

async function main() {
  for (const name of ["Support", "Sales"]) {
    await prisma.chatbot.create({ data: { name, publicToken: Math.random().toString(36).slice(2, 10) } });
  }
}

main().finally(() => prisma.$disconnect());
