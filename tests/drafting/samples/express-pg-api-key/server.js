const express = require("express");
const helmet = require("helmet");
const assistants = require("./routes/assistants");
const messages = require("./routes/messages");
const { requireApiKey } = require("./middleware/apiKey");

const app = express();
app.use(helmet());
app.use(express.json({ limit: "100kb" }));

app.get("/healthz", (req, res) => res.json({ ok: true, version: process.env.GIT_SHA }));

const v1 = express.Router();
v1.use(requireApiKey);
v1.use("/assistants", assistants);
v1.use("/assistants/:id/messages", messages);
app.use("/v1", v1);

app.use((err, req, res, next) => {
  console.error(err);
  res.status(500).json({ error: "internal" });
});

app.listen(process.env.PORT || 8080);
