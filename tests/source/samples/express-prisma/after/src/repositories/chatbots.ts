import type { Chatbot } from "@prisma/client";
import { prisma } from "../db.js";

interface Fields {
  name: string;
  requireAuth: boolean;
}

export class ChatbotRepository {
  create(fields: Fields): Promise<Chatbot> {
    return prisma.chatbot.create({ data: fields });
  }
}
