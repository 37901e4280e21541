import { Module } from "@nestjs/common";
import { TypeOrmModule } from "@nestjs/typeorm";
import { AuthController } from "./auth/auth.controller";
import { AuthService } from "./auth/auth.service";
import { ChatbotsController } from "./chatbots/chatbots.controller";
import { ChatbotsService } from "./chatbots/chatbots.service";
import { Chatbot } from "./chatbots/chatbot.entity";

@Module({
  imports: [
    TypeOrmModule.forRoot({ type: "postgres", url: process.env.DATABASE_URL, autoLoadEntities: true }),
    TypeOrmModule.forFeature([Chatbot]),
  ],
  controllers: [AuthController, ChatbotsController],
  providers: [AuthService, ChatbotsService],
})
export class AppModule {}
