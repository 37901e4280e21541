import express, { type NextFunction, type Request, type Response } from "express";
import { newSessionId } from "./lib/session.js";
import { chatbots } from "./routes/chatbots.js";

const app = express();
app.use(express.json());

app.use((req: Request, res: Response, next: NextFunction) => {
  if (!req.headers.cookie?.includes("sid=")) {
    res.cookie("sid", newSessionId(), { httpOnly: true, maxAge: 86_400_000 });
  }
  next();
});

app.get("/", (_req, res) => {
  res.json({ status: "ok", commit: process.env.GIT_COMMIT ?? null });
});
app.use("/api/chatbots", chatbots);

app.use((err: unknown, _req: Request, res: Response, _next: NextFunction) => {
  console.error(err);
  res.status(500).json({ error: "internal server error" });
});

const port = Number(process.env.PORT ?? 3000);
app.listen(port, () => console.log(`listening on ${port}`));
