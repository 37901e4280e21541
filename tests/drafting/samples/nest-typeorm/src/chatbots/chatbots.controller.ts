import { Body, Controller, Get, Param, ParseIntPipe, Post, UseGuards } from "@nestjs/common";
import { SessionGuard } from "../auth/session.guard";
import { ChatbotsService } from "./chatbots.service";
import { CreateChatbotDto } from "./create-chatbot.dto";

@Controller("chatbots")
@UseGuards(SessionGuard)
export class ChatbotsController {
  constructor(private readonly chatbotsService: ChatbotsService) {}

  @Get(":id")
  findOne(@Param("id", ParseIntPipe) id: number) {
    return this.chatbotsService.findOne(id);
  }

  @Post()
  create(@Body() dto: CreateChatbotDto) {
    return this.chatbotsService.create(dto);
  }
}
