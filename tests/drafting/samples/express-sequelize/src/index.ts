import express from "express";
import { api } from "./api";

const app = express();
app.use(express.json());
app.get("/", (_req, res) => res.send("ok"));
app.use("/api", api);
app.listen(process.env.PORT ?? 3000);
