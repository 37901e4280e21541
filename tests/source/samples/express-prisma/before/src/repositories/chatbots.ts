import { type Chatbot, Prisma } from "@prisma/client";
import { prisma } from "../db.js";
import { publicSlug } from "../lib/slug.js";

interface Fields {
  name: string;
  requireAuth: boolean;
}

export class ChatbotRepository {
  async create(fields: Fields): Promise<Chatbot> {
    for (;;) {
      try {
        return await this.insert({ ...fields, publicToken: publicSlug() });
      } catch (error) {
        if (error instanceof Prisma.PrismaClientKnownRequestError && error.code === "P2002") {
          continue;
        }
        throw error;
      }
    }
  }

  private insert(data: Prisma.ChatbotCreateInput): Promise<Chatbot> {
    return prisma.chatbot.create({ data });
  }
}
