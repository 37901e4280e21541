import express from "express";
import session from "express-session";
import connectPg from "connect-pg-simple";
import { registerRoutes } from "./routes";
import { pool } from "./db";

const app = express();
app.use(express.json());

const PgStore = connectPg(session);
app.use(
  session({
    store: new PgStore({ pool, tableName: "sessions" }),
    secret: process.env.SESSION_SECRET!,
    resave: false,
    saveUninitialized: false,
    cookie: { httpOnly: true, secure: process.env.NODE_ENV === "production" },
  }),
);

declare module "express-session" {
  interface SessionData {
    userId?: number;
  }
}

const server = registerRoutes(app);
server.listen(Number(process.env.PORT ?? 5000), "0.0.0.0");
