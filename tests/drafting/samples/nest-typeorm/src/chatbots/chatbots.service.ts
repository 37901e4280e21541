import { Injectable } from "@nestjs/common";
import { InjectRepository } from "@nestjs/typeorm";
import { Repository } from "typeorm";
import { Chatbot } from "./chatbot.entity";
import { CreateChatbotDto } from "./create-chatbot.dto";

@Injectable()
export class ChatbotsService {
  constructor(@InjectRepository(Chatbot) private readonly chatbots: Repository<Chatbot>) {}

  findOne(id: number): Promise<Chatbot | null> {
    return this.chatbots.findOneBy({ id });
  }

  create({ name, temperaturePercent }: CreateChatbotDto): Promise<Chatbot> {
    return this.chatbots.save(this.chatbots.create({ name, temperaturePercent }));
  }
}
