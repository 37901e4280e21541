import { query } from "../db.js";
import { isUniqueViolation } from "../lib/pgErrors.js";
import { generatePublicToken } from "../lib/random.js";

export interface NewChatbot {
  name: string;
  requireAuth: boolean;
}

export interface Created {
  id: string;
  public_token: string;
}

const INSERT = `
  INSERT INTO chatbots (name, require_auth, public_token)
  VALUES ($1, $2, $3)
  RETURNING id, public_token`;

export async function createChatbot(chatbot: NewChatbot, retries = 3): Promise<Created> {
  const publicToken = generatePublicToken();
  try {
    const [created] = await query<Created>(INSERT, [chatbot.name, chatbot.requireAuth, publicToken]);
    return created;
  } catch (err) {
    if (isUniqueViolation(err) && retries > 0) {
      return createChatbot(chatbot, retries - 1);
    }
    throw err;
  }
}
