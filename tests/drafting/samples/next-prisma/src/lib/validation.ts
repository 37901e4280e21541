import { z } from "zod";

export const chatbotInput = z.object({
  name: z.string().min(2).max(64),
  description: z.string().max(500).optional(),
});
