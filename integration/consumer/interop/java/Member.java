import java.nio.charset.StandardCharsets;

import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.MessageExt;

/**
 * A member of a consumer group, on the official Java client: Member nameServer group topic verdict.
 * It prints one line for each message, fields separated by tabs: topic, id, how often it was tried
 * before, RETRY_TOPIC, ORIGIN_MESSAGE_ID, the value of the property "own", body. The verdict is
 * "success", or "later", which has the broker deliver the message again after a second. It ends
 * when its standard input does.
 */
public class Member {
    public static void main(String[] args) throws Exception {
        DefaultMQPushConsumer consumer = new DefaultMQPushConsumer(args[1]);
        consumer.setNamesrvAddr(args[0]);
        consumer.setInstanceName("java-" + System.nanoTime());
        consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
        consumer.subscribe(args[2], "*");
        boolean later = args[3].equals("later");
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            messages.forEach(Member::print);
            context.setDelayLevelWhenNextConsume(1);
            return later ? ConsumeConcurrentlyStatus.RECONSUME_LATER : ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        consumer.start();
        System.out.println("started");
        while (System.in.read() >= 0) {
        }
        consumer.shutdown();
        System.exit(0);
    }

    private static synchronized void print(MessageExt m) {
        System.out.println(String.join("\t", "message", m.getTopic(), m.getMsgId(), String.valueOf(m.getReconsumeTimes()),
            String.valueOf(m.getProperty("RETRY_TOPIC")), String.valueOf(m.getProperty("ORIGIN_MESSAGE_ID")),
            String.valueOf(m.getProperty("own")), new String(m.getBody(), StandardCharsets.UTF_8)));
    }
}
