import { Router } from "express";
import * as controller from "./controller";

export const chatbotRoutes = Router();

chatbotRoutes.route("/chatbots").get(controller.list).post(controller.create);
chatbotRoutes.post("/chatbots/:id/duplicate", controller.duplicate);
