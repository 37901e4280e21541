import { Router } from "express";
import { chatbotRoutes } from "./chatbots/routes";

export const api = Router();

api.use("/workspaces/default", chatbotRoutes);
