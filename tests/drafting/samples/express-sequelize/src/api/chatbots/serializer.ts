import type { Chatbot } from "../../models/chatbot";

export function toJson(chatbot: Chatbot) {
  return {
    id: chatbot.id,
    name: chatbot.name,
    publicToken: chatbot.publicToken,
    embedUrl: `/embed/${chatbot.publicToken}`,
  };
}
