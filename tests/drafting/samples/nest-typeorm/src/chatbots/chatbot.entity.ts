import { Column, CreateDateColumn, Entity, Generated, PrimaryGeneratedColumn } from "typeorm";

@Entity("chatbots")
export class Chatbot {
  @PrimaryGeneratedColumn()
  id: number;

  @Column({ length: 100 })
  name: string;

  @Column({ type: "int", name: "temperature_percent" })
  temperaturePercent: number;

  @Column({ type: "uuid", name: "public_token", unique: true })
  @Generated("uuid")
  publicToken: string;

  @CreateDateColumn({ name: "created_at" })
  createdAt: Date;
}
