import { desc, eq } from "drizzle-orm";
import { db } from "./db";
import { chatbots, users, type Chatbot, type NewChatbot, type User } from "../shared/schema";

class DatabaseStorage {
  async getUserByEmail(email: string): Promise<User | undefined> {
    const [user] = await db.select().from(users).where(eq(users.email, email));
    return user;
  }

  async listChatbots(ownerId: number): Promise<Chatbot[]> {
    return db.select().from(chatbots).where(eq(chatbots.ownerId, ownerId)).orderBy(desc(chatbots.id));
  }

  async createChatbot(values: NewChatbot): Promise<Chatbot> {
    const [chatbot] = await db.insert(chatbots).values(values).returning();
    return chatbot;
  }
}

export const storage = new DatabaseStorage();
