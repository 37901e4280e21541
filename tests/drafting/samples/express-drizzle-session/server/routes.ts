import { createServer, type Server } from "node:http";
import type { Express, NextFunction, Request, Response } from "express";
import bcrypt from "bcryptjs";
import { z } from "zod";
import { storage } from "./storage";

const credentials = z.object({ email: z.string().email(), password: z.string().min(8) });

const newChatbot = z.object({
  name: z.string().trim().min(1).max(80),
  language: z.enum(["en", "de", "fr"]),
  requireAuth: z.boolean().optional(),
  greeting: z.string().nullish(),
});

function requireUser(req: Request, res: Response, next: NextFunction) {
  if (!req.session.userId) {
    return res.status(401).json({ message: "Not signed in" });
  }
  next();
}

export function registerRoutes(app: Express): Server {
  app.post("/api/auth/login", async (req, res) => {
    const { email, password } = credentials.parse(req.body);
    const user = await storage.getUserByEmail(email);
    if (!user || !(await bcrypt.compare(password, user.passwordHash))) {
      return res.status(401).json({ message: "Wrong email or password" });
    }
    req.session.userId = user.id;
    res.json({ id: user.id, email: user.email });
  });

  app.post("/api/auth/logout", (req, res) => {
    req.session.destroy(() => res.status(204).end());
  });

  app.get("/api/chatbots", requireUser, async (req, res) => {
    res.json(await storage.listChatbots(req.session.userId!));
  });

  app.post("/api/chatbots", requireUser, async (req, res) => {
    const parsed = newChatbot.safeParse(req.body);
    if (!parsed.success) {
      return res.status(422).json({ message: "Invalid chatbot", issues: parsed.error.issues });
    }
    const chatbot = await storage.createChatbot({ ...parsed.data, ownerId: req.session.userId! });
    res.status(201).json({ chatbot });
  });

  return createServer(app);
}
