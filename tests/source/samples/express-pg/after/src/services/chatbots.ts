import { query } from "../db.js";

export interface NewChatbot {
  name: string;
  requireAuth: boolean;
}

export interface Created {
  id: string;
  public_token: string;
}

const INSERT = `
  INSERT INTO chatbots (name, require_auth)
  VALUES ($1, $2)
  RETURNING id, public_token`;

export async function createChatbot(chatbot: NewChatbot): Promise<Created> {
  const [created] = await query<Created>(INSERT, [chatbot.name, chatbot.requireAuth]);
  return created;
}
