import { type CreationOptional, DataTypes, type InferAttributes, type InferCreationAttributes, literal, Model } from "sequelize";
import { sequelize } from "./connection";

export class Chatbot extends Model<InferAttributes<Chatbot>, InferCreationAttributes<Chatbot>> {
  declare id: CreationOptional<number>;
  declare name: string;
  declare description: string | null;
  declare publicToken: CreationOptional<string>;
}

Chatbot.init(
  {
    id: { type: DataTypes.INTEGER, autoIncrement: true, primaryKey: true },
    name: { type: DataTypes.STRING(120), allowNull: false },
    description: { type: DataTypes.TEXT },
    publicToken: {
      type: DataTypes.UUID,
      field: "public_token",
      allowNull: false,
      unique: true,
      defaultValue: literal("gen_random_uuid()"),
    },
  },
  { sequelize, tableName: "chatbots", underscored: true },
);
